"""What several formats say or need alike: blocks of text, terminals, Markdown, words, escapes."""
