"""The review desk: pictures, pages, access, decisions, masks, and a real browser."""
