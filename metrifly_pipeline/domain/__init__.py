"""The domain's words as types: pure, standard library only. Every other room imports these; they import nothing of ours."""
