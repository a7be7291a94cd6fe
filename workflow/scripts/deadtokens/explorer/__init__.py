"""One page to look at single tokens: their motion, cells, moments, and the cloud behind them."""
