"""The callback lab: providers' documented behaviour in compressed time, judged by what buyer and seller see."""
