"""Finding damage in a photo."""
