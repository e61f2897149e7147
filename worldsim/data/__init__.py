"""From dataset folders and ordinary videos to training batches: the one door between data and model."""
