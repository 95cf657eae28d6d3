"""The kit of every page that is looked at in a browser: safe HTML, its style, charts as SVG, words in two languages."""
