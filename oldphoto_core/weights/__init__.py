"""Trained weights with their model cards, and the code that reads and writes them."""
