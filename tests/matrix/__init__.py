"""What has to work with every Python and every Dask that is supported, without any extra."""
