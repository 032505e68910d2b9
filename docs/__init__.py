"""Generated reference pages, and the pages people wrote."""
