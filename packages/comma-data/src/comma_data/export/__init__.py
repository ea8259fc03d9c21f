"""A data set as Parquet files that `datasets`, pandas and Croissant readers take."""
