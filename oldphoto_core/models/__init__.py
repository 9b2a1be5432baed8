"""The networks of the method, assembled in `build`."""
