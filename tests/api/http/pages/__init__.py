"""The pages as their readers get them."""
