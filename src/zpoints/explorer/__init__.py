"""The explorer: a page in which one moves through latent space, served on this machine or written as one file.

`space` is what there is to explore. `start`, `plane`, `point`, `attributes` and `thumbnails` answer what the page
asks, `server` and `serving` carry the answers to a browser, `export` puts all of them into one file. The page itself
lies in `page/`: HTML, CSS and ES modules, without any other library.
"""
