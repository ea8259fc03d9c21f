"""A report as one HTML file that needs nothing else: figures as inline SVG, tables, and how it was made."""
