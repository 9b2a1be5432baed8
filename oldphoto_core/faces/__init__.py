"""Faces: found, aligned, refined by a generator, checked, and blended back.

Read ``enhance`` first; it tells the whole story. ``detect`` finds, ``evidence`` doubts, ``landmarks`` places,
``align`` crops, ``checks`` refuses, ``blend`` returns the face to the photo.
"""
