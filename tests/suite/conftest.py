from throwaway import folder as folder
