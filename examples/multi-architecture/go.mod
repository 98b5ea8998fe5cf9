module example.com/multi-architecture

go 1.21
