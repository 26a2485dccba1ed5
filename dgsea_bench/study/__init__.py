"""Training: whether a loss of pathways helps a model that predicts signatures from structures."""
