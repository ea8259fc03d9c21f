"""`python -m comma_data`, the same as `comma-data`."""

from comma_data.cli import main

if __name__ == "__main__":  # workers import this file again
    main()
