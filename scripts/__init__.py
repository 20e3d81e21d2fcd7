"""Programs for working on Beth itself: its environment, its lint step. No package contains them."""
