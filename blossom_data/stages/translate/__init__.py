"""Stage `translate`: a record as a document of segments, and the strict way back; guard/ judges what came back."""
