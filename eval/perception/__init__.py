"""From pixels to tracks, without learned weights."""
