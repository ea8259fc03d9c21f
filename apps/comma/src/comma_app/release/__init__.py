"""What others get: a model, or the vectors that it gives to a data set, each as a folder for the Hugging Face hub."""
