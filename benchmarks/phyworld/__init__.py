"""PhyWorld's table with a model of this project in it: training clips, rollouts of a trained model, rows, pictures."""
