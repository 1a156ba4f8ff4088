"""Where the path of Integrated Gradients starts, and what that changes (Sturmfels et al. 2020)."""
