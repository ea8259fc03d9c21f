"""An explanation as HTML: a fragment for a page of others, or one page that needs nothing else."""
