"""Who is told of what happens in a conversation: in the widget, by mail, in a digest."""
