"""Charts and a page from attnbench's records. Reads files, measures nothing."""
