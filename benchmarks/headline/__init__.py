"""The course's headline figures, reached by the solutions on the real data; one module an assignment."""
