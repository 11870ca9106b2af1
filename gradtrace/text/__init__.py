"""What several formats say or need alike, above the analysis and below the renderers.

`blocks` (headings, paragraphs, tables) are written by `terminal` and `markdown`; `wording` writes numbers, shapes and
places; `escape` is the only way for a user's text into a format; `steps` tells what each op did; each of the others
puts one kind of fact in words. What two formats say belongs here, so that they say the same; what one says belongs in
its package.
"""
