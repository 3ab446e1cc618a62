"""What one does with a trained model: a tool asks for a capability, never for a recipe."""
