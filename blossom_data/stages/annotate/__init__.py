"""Stage `annotate`: one model writes every assistant turn again; and what makes an answer unfit."""
