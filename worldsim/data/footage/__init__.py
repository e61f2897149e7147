"""Real footage: any folders of videos, image sequences and pictures to a dataset of the physics clips' format."""
