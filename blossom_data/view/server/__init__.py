"""The application in the browser: what may ask it, which pages it has, and how it is started."""
