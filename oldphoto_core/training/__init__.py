"""Training of the networks: samples, losses, the loop."""
