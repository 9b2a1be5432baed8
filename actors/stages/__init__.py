"""What is done to one photo: read, detect, restore, enhance, write."""
