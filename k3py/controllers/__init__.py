"""Keep promises: one file per controller, one runner for all of them."""
