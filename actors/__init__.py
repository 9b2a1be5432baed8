"""Ray: the stages as actors, the streaming graph, resources, and the stores that photos travel between."""
