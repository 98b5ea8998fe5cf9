module example.com/front-and-back

go 1.21
