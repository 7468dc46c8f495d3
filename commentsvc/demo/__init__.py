"""The demo publisher: a small newspaper whose articles carry the conversation."""
