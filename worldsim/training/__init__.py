"""One training loop for every stage; a ``Task`` says what a stage learns, from what, and with which losses."""
