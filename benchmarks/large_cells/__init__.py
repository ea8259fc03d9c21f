"""The structure encoder from 100 to 20,000 atoms."""
