"""Arrays in, frozen results out: neighbours, projection, clusters, outliers, duplicates."""
