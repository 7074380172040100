"""The plugin of napari, the image viewer: imported by napari alone, through the manifest beside it."""
