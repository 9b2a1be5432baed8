"""What leaves the catalog for other systems: tables, PREMIS, IIIF, and what may be published.

Pure on records and rows: nothing here reads or writes a photo's file (flows/packages.py does).
"""
