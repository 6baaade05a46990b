# find_package(pema) for consumers: pema::pema is layers 0 and 1 and the engine, free of torch and llama.cpp.
