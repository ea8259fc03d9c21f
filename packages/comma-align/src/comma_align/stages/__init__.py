"""What a run can do, one file a stage."""
