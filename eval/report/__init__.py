"""The score bundle (CSV, JSON) and the HTML page made from it."""
