"""Packages for other systems: publication, bags, IIIF trees, PREMIS documents."""
