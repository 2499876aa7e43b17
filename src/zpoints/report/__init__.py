"""What a person sees: contact sheets, figures, and the page that holds them."""
